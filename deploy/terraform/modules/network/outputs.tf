output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "For the load balancer, in the order of the zones."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "For the services."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "data_subnet_ids" {
  description = "For Postgres and Redis."
  value       = [for zone in local.zones : aws_subnet.data[zone].id]
}

output "private_route_table_ids" {
  description = "For gateway endpoints."
  value       = [for zone in local.zones : aws_route_table.private[zone].id]
}

output "load_balancer_group_id" {
  description = "Security group of the load balancer."
  value       = aws_security_group.this["load_balancer"].id
}

output "services_group_id" {
  description = "Security group of the services."
  value       = aws_security_group.this["services"].id
}

output "database_group_id" {
  description = "Security group of Postgres."
  value       = aws_security_group.this["database"].id
}

output "cache_group_id" {
  description = "Security group of Redis."
  value       = aws_security_group.this["cache"].id
}

output "endpoints_group_id" {
  description = "Security group of the VPC endpoints."
  value       = aws_security_group.this["endpoints"].id
}

output "spool_group_id" {
  description = "Security group of the spool's file system."
  value       = aws_security_group.this["spool"].id
}

output "rotation_group_id" {
  description = "Security group of the function that makes the database's new passwords."
  value       = aws_security_group.this["rotation"].id
}

output "public_cidrs" {
  description = "Addresses of the public subnets: the load balancer speaks from among them."
  value       = [for zone in local.zones : aws_subnet.public[zone].cidr_block]
}
