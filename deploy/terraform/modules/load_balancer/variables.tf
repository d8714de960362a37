variable "name" {
  description = "Prefix of all names."
  type        = string

  validation {
    condition     = length(var.name) <= 26
    error_message = "Names of target groups have 32 characters at most, so name has at most 26."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the load balancer."
  type        = string
}

variable "domain_name" {
  description = "The name that clients ask for."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.domain_name))
    error_message = "domain_name must be a host name such as ai.example.com."
  }
}

variable "zone_id" {
  description = "Its zone in Route 53, in which the certificate is proven."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that the firewall's log is encrypted under."
  type        = string
}

variable "log_days" {
  description = "Days that the firewall's log is kept."
  type        = number
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted."
  type        = bool
}

variable "waf" {
  description = "Whether a web application firewall stands before it."
  type        = bool
}

variable "waf_requests_per_address" {
  description = "Requests of one address in five minutes, from which on it is refused."
  type        = number

  validation {
    condition     = var.waf_requests_per_address >= 10
    error_message = "waf_requests_per_address must be 10 or more."
  }
}
