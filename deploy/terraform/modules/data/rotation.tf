# A new password for the database every month. The function that makes it is Secrets Manager's own, and CloudFormation
# alone hands it out; it also writes the database's host into the secret, so that the function knows whom to tell.
# Processes ask for the password again when the database refuses it, and open connections go on. modules/ecs starts them
# anew besides, which shows that the new one works.

resource "aws_cloudformation_stack" "rotation" {
  #checkov:skip=CKV_AWS_124:whoever applies sees it fail, and nothing changes it between
  count = local.first ? 1 : 0

  name         = "${var.name}-database-rotation"
  capabilities = ["CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"]

  parameters = {
    Name          = var.name
    Secret        = var.database_secret_arn
    Database      = aws_db_instance.primary.identifier
    Key           = var.kms_key_arn
    Schedule      = var.rotation_schedule
    Subnets       = join(",", var.rotation_subnet_ids)
    SecurityGroup = var.rotation_group_id
  }

  template_body = file("${path.module}/rotation.cfn.yaml")
}
