select version from tasker.migrations where success order by version
