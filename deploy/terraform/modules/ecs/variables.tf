variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Which platform this is: telemetry.environment."
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

variable "image_registry" {
  description = "Registry of the images, without outcrop/<name>."
  type        = string
}

variable "image_tag" {
  description = "Version of the images."
  type        = string

  validation {
    condition     = var.image_tag != "latest" && var.image_tag != ""
    error_message = "image_tag must name a version: what runs must not depend on when it was started."
  }
}

variable "sizes" {
  description = "Of each service processor (1024 is one), memory (MiB) and how many tasks there are at least and at most."
  type        = map(object({ cpu = number, memory = number, least = number, most = number }))

  validation {
    condition     = alltrue([for name in ["gateway", "auth", "inference", "job-worker"] : contains(keys(var.sizes), name)])
    error_message = "sizes must have gateway, auth, inference and job-worker."
  }

  validation {
    condition     = alltrue([for it in values(var.sizes) : it.least >= 1 && it.most >= it.least])
    error_message = "Of each service there must be one at least, and not fewer at most than at least."
  }
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the services."
  type        = string
}

variable "spool_group_id" {
  description = "Security group of the spool's file system."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of logs and spool."
  type        = string
}

variable "role_arns" {
  description = "Roles of the services and of migrate, by service."
  type        = map(string)
}

variable "secret_arns" {
  description = "ARNs of the secrets, by the names of deploy/iam/policies.json."
  type        = map(string)
}

variable "answers_url_secret_arn" {
  description = "Secret with response_cache.url; empty where kept answers have no Redis of their own."
  type        = string
}

variable "store_url" {
  description = "For store.url."
  type        = string
}

variable "store_read_url" {
  description = "For store.read_url."
  type        = string
}

variable "cache_url" {
  description = "For cache.url."
  type        = string
}

variable "queue_name" {
  description = "Name of the queue."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket."
  type        = string
}

variable "bedrock_regions" {
  description = "Regions that models are called in, the first first."
  type        = list(string)
}

variable "more_settings" {
  description = "Further settings of the services; those of the module count before them."
  type        = map(string)
}

variable "usage_export_url" {
  description = "For usage.export_url; empty where usage is not written besides."
  type        = string
}

variable "batch_role_arn" {
  description = "For ways.batch_role; null where batch inference is not used."
  type        = string
  default     = null
}

variable "public_url" {
  description = "For server.public_url."
  type        = string
}

variable "trusted_proxies" {
  description = "Networks of the load balancer (server.trusted_proxies)."
  type        = list(string)
}

variable "target_group_arns" {
  description = "Target groups, by colour."
  type        = map(string)
}

variable "load_balancer_suffix" {
  description = "The load balancer's dimension in metrics."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Where alarms are told."
  type        = string
}

variable "bake_minutes" {
  description = "Minutes that the old set stays after clients have moved, to go back to at once."
  type        = number
}

variable "rollback_alarms" {
  description = "Alarms that take a deployment back."
  type        = list(string)
}

variable "requests_per_gateway" {
  description = "Requests a minute of one gateway, from which on there are more."
  type        = number
}

variable "jobs_per_worker" {
  description = "Jobs that are due for each worker, from which on there are more."
  type        = number
}

variable "collector_image" {
  description = "Image of an OpenTelemetry collector beside each service; none if empty."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "strategy" {
  description = "How a new gateway comes in: ROLLING, task by task; BLUE_GREEN, a whole set beside the old one; CANARY, such a set with a twentieth of the clients first."
  type        = string

  validation {
    condition     = contains(["ROLLING", "BLUE_GREEN", "CANARY"], var.strategy)
    error_message = "strategy must be ROLLING, BLUE_GREEN or CANARY."
  }
}

variable "production_rule_arn" {
  description = "The rule that sends clients to the gateway."
  type        = string
}

variable "preview_rule_arn" {
  description = "The rule that sends tests to it."
  type        = string
}

variable "rollback_on_alarm" {
  description = "Whether these alarms are heeded."
  type        = bool
}

variable "workers_not_on_spot" {
  description = "Job workers that do not stand on Spot."
  type        = number
}

variable "started" {
  description = "Whether the services are there; false until the database has its tables."
  type        = bool
}
