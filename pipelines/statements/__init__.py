"""Renders statements over many deliveries: JSON, CSV and a page that checks itself."""
