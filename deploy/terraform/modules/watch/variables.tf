variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Which platform this is: a dimension of its metrics."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the topic."
  type        = string
}

variable "alarm_emails" {
  description = "Who is told; nobody if empty."
  type        = list(string)
}

variable "database_id" {
  description = "Identifier of the database."
  type        = string
}

variable "replica_id" {
  description = "Identifier of its replica, or of the database itself where it is one; null without one."
  type        = string
  default     = null
}

variable "cache_ids" {
  description = "Replication groups of Redis, by what they are for."
  type        = map(string)
}

variable "cache_nodes" {
  description = "Nodes of each."
  type        = number
}

variable "queue_name" {
  description = "The jobs' queue."
  type        = string
}

variable "dead_queue_name" {
  description = "Its dead-letter queue."
  type        = string
}

variable "bucket" {
  description = "The bucket of files."
  type        = string
}

variable "copy_bucket" {
  description = "Its copy in the second region; null without one."
  type        = string
  default     = null
}

variable "load_balancer_suffix" {
  description = "The load balancer's dimension in metrics."
  type        = string
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month, models included; no budget if 0."
  type        = number
}

variable "anomaly_usd" {
  description = "From which amount on an unusual cost is told; no detection if 0."
  type        = number
}

variable "with_load_balancer" {
  description = "Whether there is one; under EKS its controller makes it."
  type        = bool
}
