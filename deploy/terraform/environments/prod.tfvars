# Sizes and safeguards of prod. The same as in deploy/cloudformation and deploy/ecs; a check compares them.
# What is yours (account, names, images) stands in a file of your own: see example.tfvars.

environment = "prod"

zones        = 3
nat_gateways = "each-zone"
interfaces   = true
firewall     = true

database_class       = "db.r7g.large"
database_storage_gib = 100
multi_az             = true
replica              = true
backup_days          = 35

cache_node_type = "cache.r7g.large"
cache_nodes     = 3
answer_cache    = true

file_days = 30
log_days  = 365
protected = true

workers_not_on_spot = 1

sizes = {
  gateway      = { cpu = 1024, memory = 2048, least = 3, most = 30 }
  auth         = { cpu = 1024, memory = 2048, least = 3, most = 30 }
  inference    = { cpu = 2048, memory = 4096, least = 3, most = 30 }
  "job-worker" = { cpu = 1024, memory = 2048, least = 3, most = 50 }
}
