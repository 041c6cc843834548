"""What a server says about rights: headers, robots.txt, TDMRep, RSL."""
