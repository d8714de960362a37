# Who may talk to whom. The only way in is the load balancer; data is reached from the services alone.

resource "aws_security_group" "load_balancer" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-load-balancer"
  description = "Load balancer: HTTPS from clients"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_security_group" "services" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-services"
  description = "Services: from the load balancer and from each other"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-services" }
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-database"
  description = "Postgres: from the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-database" }
}

resource "aws_security_group" "cache" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-cache"
  description = "Redis: from the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-cache" }
}

resource "aws_security_group" "rotation" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-rotation"
  description = "The function that makes the database's new passwords"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-rotation" }
}

resource "aws_security_group" "endpoints" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-endpoints"
  description = "VPC endpoints: HTTPS from the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_security_group" "spool" {
  #checkov:skip=CKV2_AWS_5:what it is for is in other modules
  name        = "${var.name}-spool"
  description = "File system of the spool: NFS from the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-spool" }
}

# Port 80 is open too: the load balancer answers there with a redirect and nothing else.
resource "aws_vpc_security_group_ingress_rule" "clients" {
  #checkov:skip=CKV_AWS_260:port 80 only redirects to HTTPS
  for_each = { for pair in setproduct(var.client_cidrs, [80, 443]) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] } }

  security_group_id = aws_security_group.load_balancer.id
  description       = "Clients"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "tests" {
  for_each = toset(var.test_cidrs)

  security_group_id = aws_security_group.load_balancer.id
  description       = "Tests of a new version"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 8443
  to_port           = 8443
}

resource "aws_vpc_security_group_ingress_rule" "health_checks" {
  for_each = toset(compact([var.health_check_prefix_list]))

  security_group_id = aws_security_group.load_balancer.id
  description       = "Health checks of Route 53"
  prefix_list_id    = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_services" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Gateway"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_ingress_rule" "services_from_load_balancer" {
  security_group_id            = aws_security_group.services.id
  description                  = "Load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

# Service Connect's proxies listen on the containers' port.
resource "aws_vpc_security_group_ingress_rule" "services_from_services" {
  security_group_id            = aws_security_group.services.id
  description                  = "Each other, Service Connect included"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_egress_rule" "services_to_services" {
  security_group_id            = aws_security_group.services.id
  description                  = "Each other, Service Connect included"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

# AWS itself, clients' pictures and webhooks; the application refuses addresses that are not public.
resource "aws_vpc_security_group_egress_rule" "services_to_https" {
  security_group_id = aws_security_group.services.id
  description       = "HTTPS: endpoints of AWS, media, webhooks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

locals {
  # What the services reach besides: the group behind which it lies, and its port.
  behind = {
    database = { group = aws_security_group.database.id, port = 5432 }
    cache    = { group = aws_security_group.cache.id, port = 6379 }
    spool    = { group = aws_security_group.spool.id, port = 2049 }
  }
}

resource "aws_vpc_security_group_egress_rule" "services_to_data" {
  for_each = local.behind

  security_group_id            = aws_security_group.services.id
  description                  = each.key
  referenced_security_group_id = each.value.group
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "data_from_services" {
  for_each = local.behind

  security_group_id            = each.value.group
  description                  = "Services"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_services" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "Services"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "rotation_to_https" {
  security_group_id = aws_security_group.rotation.id
  description       = "Secrets Manager"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "rotation_to_database" {
  security_group_id            = aws_security_group.rotation.id
  description                  = "Postgres"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "database_from_rotation" {
  security_group_id            = aws_security_group.database.id
  description                  = "Rotation"
  referenced_security_group_id = aws_security_group.rotation.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_rotation" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "Rotation"
  referenced_security_group_id = aws_security_group.rotation.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# EKS: its nodes and pods have a group of their own, which gets the same access as the services' group.
resource "aws_vpc_security_group_ingress_rule" "data_from_others" {
  for_each = { for pair in setproduct(keys(local.behind), var.other_groups) : "${pair[0]}-${pair[1]}" => { behind = local.behind[pair[0]], from = pair[1] } }

  security_group_id            = each.value.behind.group
  description                  = "Services on EKS"
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.behind.port
  to_port                      = each.value.behind.port
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_others" {
  for_each = toset(var.other_groups)

  security_group_id            = aws_security_group.endpoints.id
  description                  = "Services on EKS"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
