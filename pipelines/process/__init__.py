"""Processes of our own: started in isolation, watched, and told apart from later ones."""
