variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "domain_name" {
  description = "The name that clients use."
  type        = string
}

variable "region_name" {
  description = "The name of this region's platform."
  type        = string
}

variable "zone_id" {
  description = "Their zone in Route 53."
  type        = string
}

variable "failover" {
  description = "none, primary, secondary or withdrawn: which of two regions this one is; withdrawn takes its record of the name away."
  type        = string

  validation {
    condition     = contains(["none", "primary", "secondary", "withdrawn"], var.failover)
    error_message = "failover must be none, primary, secondary or withdrawn."
  }
}

variable "load_balancer_dns_name" {
  description = "The load balancer's own name."
  type        = string
}

variable "load_balancer_zone_id" {
  description = "The zone of that name."
  type        = string
}
