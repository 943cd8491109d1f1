update tasker.api_keys set last_used_at = now() where id = $1
