"""Process two: RQ workers that take mail from the ledger and run handlers."""
