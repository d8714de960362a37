variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that files are encrypted under."
  type        = string
}

variable "replica_region" {
  description = "Second region that files are copied to; none if empty."
  type        = string
}

variable "replica_kms_key_arn" {
  description = "Key there; null without a second region."
  type        = string
  default     = null
}

variable "old_version_days" {
  description = "Days that what was overwritten or deleted can be brought back."
  type        = number
}

variable "access_log_days" {
  description = "Days that access logs of bucket and load balancer are kept."
  type        = number
}

variable "existing_bucket" {
  description = "In a second region: the first region's copy of its bucket here, which is used. Empty in the first."
  type        = string
}
