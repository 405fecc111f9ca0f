"""What HubSpot's portal does, tried."""
