"""Reads what a server states about rights: headers, robots.txt, TDMRep, RSL."""
