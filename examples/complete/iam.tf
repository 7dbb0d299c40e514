# ---- Permissions boundary of the function's role ----

resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_288:a boundary grants nothing: it says what may be granted
  #checkov:skip=CKV_AWS_289:a boundary grants nothing: it says what may be granted
  #checkov:skip=CKV_AWS_290:a boundary grants nothing: it says what may be granted
  #checkov:skip=CKV_AWS_355:a boundary grants nothing: it says what may be granted

  name = "corporate-purge-boundary"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "ServicesOfAPurge"
      Effect = "Allow"
      Action = [
        "ec2:*NetworkInterface*",
        "ec2:*PrivateIpAddresses",
        "ec2:DescribeSubnets",
        "kms:*",
        "logs:*",
        "sqs:*",
        "ssm:GetParameter",
        "xray:Put*",
      ]
      Resource = "*"
    }]
  })
}

# ---- Manual purges ----

resource "aws_iam_role" "marketing" {
  #checkov:skip=CKV_AWS_61:it trusts one account, whose IAM decides who may assume the role; no service is trusted

  name        = "marketing-purge"
  description = "Manual purges by corporate-purge, nothing else"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PeopleOfThisAccount"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "marketing" {
  name   = "purge"
  role   = aws_iam_role.marketing.name
  policy = module.cf_purge.invoke_policy_json
}
