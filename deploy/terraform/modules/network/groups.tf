# Who may talk to whom. The only way in is the load balancer; data is reached from the services alone. Everything is TCP.

locals {
  groups = {
    load_balancer = { name = "load-balancer", what = "Load balancer: HTTPS from clients" }
    services      = { name = "services", what = "Services: from the load balancer and from each other" }
    database      = { name = "database", what = "Postgres: from the services" }
    cache         = { name = "cache", what = "Redis: from the services" }
    spool         = { name = "spool", what = "File system of the spool: NFS from the services" }
    endpoints     = { name = "endpoints", what = "VPC endpoints: HTTPS from the services" }
    rotation      = { name = "rotation", what = "The function that makes the database's new passwords" }
  }

  # Between groups: each row opens both of its ends. Service Connect's proxies listen on the containers' port.
  between = {
    clients_to_gateway    = { from = "load_balancer", to = "services", port = 8080 }
    services_to_services  = { from = "services", to = "services", port = 8080 }
    services_to_database  = { from = "services", to = "database", port = 5432 }
    services_to_cache     = { from = "services", to = "cache", port = 6379 }
    services_to_spool     = { from = "services", to = "spool", port = 2049 }
    services_to_endpoints = { from = "services", to = "endpoints", port = 443 }
    rotation_to_database  = { from = "rotation", to = "database", port = 5432 }
    rotation_to_endpoints = { from = "rotation", to = "endpoints", port = 443 }
  }

  # From addresses to the load balancer. Port 80 is open too: it answers there with a redirect and nothing else.
  from_outside = merge(
    { for pair in setproduct(var.client_cidrs, [80, 443]) : "clients_${pair[0]}_${pair[1]}" => { what = "Clients", cidr = pair[0], list = null, port = pair[1] } },
    { for cidr in var.test_cidrs : "tests_${cidr}" => { what = "Tests of a new version", cidr = cidr, list = null, port = 8443 } },
    { for id in compact([var.health_check_prefix_list]) : "health_checks" => { what = "Health checks of Route 53", cidr = null, list = id, port = 443 } },
  )

  # To addresses: AWS itself where it has no endpoint, clients' pictures and webhooks; the application refuses addresses
  # that are not public.
  to_https = { services = "AWS, media, webhooks", rotation = "Secrets Manager" }

  # EKS: its nodes and pods have groups of their own, which reach what the services reach, but for each other.
  from_eks = {
    for pair in setproduct([for name, it in local.between : name if it.from == "services" && it.to != "services"], var.other_groups) :
    "${pair[0]}_${pair[1]}" => { what = "Services on EKS", group = pair[1], to = local.between[pair[0]].to, port = local.between[pair[0]].port }
  }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:what they are for is in other modules
  for_each = local.groups

  name        = "${var.name}-${each.value.name}"
  description = each.value.what
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${each.value.name}" }
}

locals {
  ingress = merge(
    { for name, it in local.between : name => { what = "From ${it.from}", group = aws_security_group.this[it.from].id, cidr = null, list = null, to = it.to, port = it.port } },
    { for name, it in local.from_eks : name => { what = it.what, group = it.group, cidr = null, list = null, to = it.to, port = it.port } },
    { for name, it in local.from_outside : name => { what = it.what, group = null, cidr = it.cidr, list = it.list, to = "load_balancer", port = it.port } },
  )
  egress = merge(
    { for name, it in local.between : name => { what = "To ${it.to}", from = it.from, group = aws_security_group.this[it.to].id, cidr = null, port = it.port } },
    { for name, what in local.to_https : "${name}_to_https" => { what = what, from = name, group = null, cidr = "0.0.0.0/0", port = 443 } },
  )
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  #checkov:skip=CKV_AWS_260:port 80 only redirects to HTTPS
  for_each = local.ingress

  security_group_id            = aws_security_group.this[each.value.to].id
  description                  = each.value.what
  referenced_security_group_id = each.value.group
  cidr_ipv4                    = each.value.cidr
  prefix_list_id               = each.value.list
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.egress

  security_group_id            = aws_security_group.this[each.value.from].id
  description                  = each.value.what
  referenced_security_group_id = each.value.group
  cidr_ipv4                    = each.value.cidr
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}
