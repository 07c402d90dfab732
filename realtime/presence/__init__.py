"""Who is connected, how they come in, and how they learn that they have to leave."""
