variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC, a /16 to /20."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "cidr must be an IPv4 network of /16 to /20."
  }
}

variable "zone_count" {
  description = "Availability zones: 2 or 3."
  type        = number

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3."
  }
}

variable "nat_gateways" {
  description = "none, one, or each-zone: without one, services reach nothing but AWS through the endpoints (no media by URL, no webhooks)."
  type        = string

  validation {
    condition     = contains(["none", "one", "each-zone"], var.nat_gateways)
    error_message = "nat_gateways must be none, one or each-zone."
  }
}

variable "client_cidrs" {
  description = "Networks that clients come from."
  type        = list(string)

  validation {
    condition     = alltrue([for it in var.client_cidrs : can(cidrhost(it, 0))])
    error_message = "client_cidrs must be networks such as 198.51.100.0/24."
  }
}

variable "health_check_prefix_list" {
  description = "Addresses of Route 53's health checkers, where clients' networks do not have them; none if empty."
  type        = string
}

variable "other_groups" {
  description = "Security groups besides the services' own that reach data and endpoints: those of EKS nodes or pods."
  type        = list(string)
  default     = []
}

variable "log_days" {
  description = "Days that flow logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that flow logs are encrypted under."
  type        = string
}

variable "log_prefix" {
  description = "What names of log groups begin with."
  type        = string
}

variable "test_cidrs" {
  description = "Networks that may reach a version that clients do not reach yet (port 8443)."
  type        = list(string)
}
