variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "interfaces" {
  description = "Whether there are interface endpoints, which cost by the hour; without them calls take the NAT gateway. S3 has one in any case."
  type        = bool
}

variable "account_role_arns" {
  description = "Roles in models.accounts, which call Bedrock."
  type        = list(string)
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with an address of each endpoint."
  type        = list(string)
}

variable "route_table_ids" {
  description = "Route tables that get the way to S3."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the interface endpoints."
  type        = string
}
