variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Which platform this is."
  type        = string
}

variable "log_prefix" {
  description = "What names of log groups begin with."
  type        = string
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
}

variable "subnet_ids" {
  description = "Subnets for Postgres and Redis, without a route out."
  type        = list(string)
}

variable "database_group_id" {
  description = "Security group of Postgres."
  type        = string
}

variable "cache_group_id" {
  description = "Security group of Redis."
  type        = string
}

variable "rotation_subnet_ids" {
  description = "Subnets of the function that makes new passwords; it must reach Secrets Manager."
  type        = list(string)
}

variable "rotation_group_id" {
  description = "Security group of that function."
  type        = string
}

variable "rotation_schedule" {
  description = "When a new password is made, as Secrets Manager writes schedules."
  type        = string
  default     = "cron(0 3 1 * ? *)"
}

variable "kms_key_arn" {
  description = "Key that everything is encrypted under."
  type        = string
}

variable "replica_region" {
  description = "Second region that backups are copied to; none if empty."
  type        = string
}

variable "replica_kms_key_arn" {
  description = "Key there; null without a second region."
  type        = string
  default     = null
}

variable "primary_database_arn" {
  description = "In a second region: the first region's database, of which this is a replica. Empty in the first."
  type        = string
}

variable "database_secret_arn" {
  description = "Secret with the fields username and password."
  type        = string
}

variable "database_version" {
  description = "Version of Postgres; with a major version alone RDS takes its newest minor one."
  type        = string
}

variable "database_class" {
  description = "Instance class of Postgres, on Graviton."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z]+[0-9]+gd?\\.[a-z0-9]+$", var.database_class))
    error_message = "database_class must be a Graviton class such as db.m7g.large."
  }
}

variable "database_storage_gib" {
  description = "Storage at the start, GiB; it grows by itself."
  type        = number

  validation {
    condition     = var.database_storage_gib >= 20
    error_message = "database_storage_gib must be 20 or more, the least of gp3."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over."
  type        = bool
}

variable "replica" {
  description = "Whether there is a replica for reports (store.read_url)."
  type        = bool
}

variable "backup_days" {
  description = "Days to any second of which the database can be restored."
  type        = number

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted."
  type        = bool
}

variable "cache_secret_arn" {
  description = "Secret with the password of the user of Redis."
  type        = string
}

variable "cache_secret_version" {
  description = "Its version (secret_versions)."
  type        = number
}

variable "cache_node_type" {
  description = "Node type of Redis, on Graviton."
  type        = string

  validation {
    condition     = can(regex("^cache\\.[a-z]+[0-9]+gd?\\.[a-z0-9]+$", var.cache_node_type))
    error_message = "cache_node_type must be a Graviton type such as cache.m7g.large."
  }
}

variable "cache_nodes" {
  description = "Nodes of each Redis; with more than one it fails over."
  type        = number

  validation {
    condition     = var.cache_nodes >= 1 && var.cache_nodes <= 6
    error_message = "cache_nodes must be 1 to 6."
  }
}

variable "separate_answers" {
  description = "Whether kept answers have a Redis of their own."
  type        = bool
}
