"""The open head: a head model that this project generates by code; no file, form or download."""
