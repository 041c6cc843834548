"""The pipeline's steps, one module each, and the page that chains them."""
