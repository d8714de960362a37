variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Which platform this is; names of secrets begin with outcrop/<environment>/."
  type        = string
}

variable "replica_region" {
  description = "Second region that key and secrets are copied to; none if empty."
  type        = string
}

variable "primary_key_arn" {
  description = "In a second region: the first region's key as it was copied here. Empty in the first."
  type        = string
}

variable "secret_versions" {
  description = "Raise the number of internal-secret or cache-password to have it made anew, then restart the services."
  type        = map(number)

  validation {
    condition     = alltrue([for name in keys(var.secret_versions) : contains(["internal-secret", "cache-password"], name)])
    error_message = "Only internal-secret and cache-password can be made anew: without key-secret every key is lost, and the database's password is rotated."
  }
}
