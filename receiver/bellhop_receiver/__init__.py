"""Process one: takes webhooks in, and answers when Redis has them."""
