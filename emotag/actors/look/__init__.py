"""How a synthetic actor looks: skin, eyes, hair, clothes, light, and the renderer that shows them."""
