"""Entitlement: grants for buyers, and a server that gives addresses to those who hold one."""
