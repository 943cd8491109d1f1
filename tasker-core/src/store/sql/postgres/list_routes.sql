select queue, handler from tasker.routes
