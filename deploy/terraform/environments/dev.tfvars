# Sizes and safeguards of dev: small, and may be lost. The same as in deploy/cloudformation and deploy/ecs; a check compares them.
# What is yours (account, names, images) stands in a file of your own: see example.tfvars.

environment = "dev"

zones        = 2
nat_gateways = "one"
interfaces   = false
firewall     = false

database_class       = "db.t4g.medium"
database_storage_gib = 20
multi_az             = false
replica              = false
backup_days          = 7

cache_node_type = "cache.t4g.small"
cache_nodes     = 1
answer_cache    = false

file_days = 1
log_days  = 30
protected = false

workers_not_on_spot = 0

sizes = {
  gateway      = { cpu = 256, memory = 512, least = 1, most = 2 }
  auth         = { cpu = 256, memory = 512, least = 1, most = 2 }
  inference    = { cpu = 512, memory = 1024, least = 1, most = 2 }
  "job-worker" = { cpu = 256, memory = 512, least = 1, most = 4 }
}
