"""Tests of the templates and policies in infra/."""
