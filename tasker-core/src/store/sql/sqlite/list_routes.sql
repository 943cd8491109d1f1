select queue, handler from routes
