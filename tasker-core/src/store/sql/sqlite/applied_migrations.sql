select version from _tasker_migrations where success
