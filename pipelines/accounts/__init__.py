"""What the agency reads of its published ledgers, and adds to its books."""
