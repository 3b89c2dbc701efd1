"""The 54 facial actions of the open head, as displacement fields over any neutral head.

Names are those of ARKit's blend shapes with _L and _R; the actions follow the Facial Action Coding System (P. Ekman,
W. Friesen, J. Hager, *FACS: The Manual*, 2002): which muscle pulls, from where, and how skin folds and bulges then.
"""
