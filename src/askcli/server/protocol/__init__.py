"""HTTP/1.1 below ASGI: uvicorn's protocol, with limits on what one connection may take."""
