# Sizes and safeguards of stage: prod in small. The same as in deploy/cloudformation and deploy/ecs; a check compares them.
# What is yours (account, names, images) stands in a file of your own: see example.tfvars.

environment = "stage"

zones        = 2
nat_gateways = "one"
interfaces   = true
firewall     = true

database_class       = "db.m7g.large"
database_storage_gib = 50
multi_az             = true
replica              = true
backup_days          = 14

cache_node_type = "cache.t4g.medium"
cache_nodes     = 2
answer_cache    = true

file_days = 7
log_days  = 90
protected = true

workers_not_on_spot = 1

sizes = {
  gateway      = { cpu = 512, memory = 1024, least = 2, most = 4 }
  auth         = { cpu = 512, memory = 1024, least = 2, most = 4 }
  inference    = { cpu = 1024, memory = 2048, least = 2, most = 4 }
  "job-worker" = { cpu = 512, memory = 1024, least = 2, most = 8 }
}
