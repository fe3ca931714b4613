"""The only rooms that know httpx and Exotel's field names."""
