# ---- The function's role ----

locals {
  # Depends on role.arn only if role.create is unset: a count must be known at plan, and the ARN may not be.
  create_role      = coalesce(var.role.create, var.role.arn == null)
  role_arn         = local.create_role ? local.created_role_arn : var.role.arn
  created_role_arn = one([for role in aws_iam_role.this : startswith(role.arn, "arn:") ? role.arn : local.mocked_arn])

  # Parameter ARNs have one slash before the name, whether or not the name begins with one.
  api_token_parameter_arn = (startswith(var.api_token_parameter, "arn:")
    ? var.api_token_parameter
    : "${local.ssm_arn}:parameter/${trimprefix(var.api_token_parameter, "/")}"
  )
  ssm_arn = "arn:${local.partition}:ssm:${local.region}:${local.account_id}"

  api_token_region = split(":", local.api_token_parameter_arn)[3]

  # SSM returns Secrets Manager secrets under this name. The role then reads the secret and uses its key.
  # https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
  secret_names = flatten(regexall(":parameter/aws/reference/secretsmanager/(.+)$", local.api_token_parameter_arn))
  secret_arns = [for name in local.secret_names : join(":", concat(
    ["arn", local.partition, "secretsmanager"],
    slice(split(":", local.api_token_parameter_arn), 3, 5), # Region and account
    ["secret", "${name}-??????"],
  ))]

  # The key may only be used through one service. Sources disagree on the service's name in China and in the European
  # Sovereign Cloud, so both names are allowed there. From the isolated partitions nothing reaches Cloudflare.
  token_services = [for suffix in local.service_suffixes :
    "${length(local.secret_names) > 0 ? "secretsmanager" : "ssm"}.${local.api_token_region}.${suffix}"
  ]
  queue_services = [for suffix in local.service_suffixes : "sqs.${local.region}.${suffix}"]
  service_suffixes = lookup({
    aws-cn   = ["amazonaws.com.cn", "amazonaws.com"]
    aws-eusc = ["amazonaws.eu", "amazonaws.com"]
  }, local.partition, ["amazonaws.com"])

  role_statements = concat(
    [
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*" # its streams, which Lambda names
      },
      {
        Sid      = "ConsumeQueue"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        Resource = local.queue_arn
      },
      {
        Sid      = "ParkDeadLetters"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.dead_letter_arn
      },
      {
        Sid      = "ReadApiToken"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = local.api_token_parameter_arn
      },
    ],
    [for secret_arn in local.secret_arns : {
      Sid      = "ReadApiTokenSecret"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = secret_arn # every secret's ARN ends with six random characters
    }],
    [for key_arn in var.api_token_kms_key_arn[*] : {
      Sid      = "DecryptApiToken"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = key_arn
      Condition = { for operator, keys in {
        StringEquals = { for key, value in {
          "kms:ViaService"                      = try(one(local.token_services), local.token_services)
          "kms:EncryptionContext:PARAMETER_ARN" = length(local.secret_arns) == 0 ? local.api_token_parameter_arn : null
        } : key => value if value != null }
        StringLike = { for secret_arn in local.secret_arns : "kms:EncryptionContext:SecretARN" => secret_arn }
      } : operator => keys if length(keys) > 0 }
    }],
    [for key_arn in var.queue.kms_key_arn[*] : {
      Sid      = "UseQueueKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"] # GenerateDataKey: to send
      Resource = key_arn
      Condition = { StringEquals = {
        "kms:ViaService" = try(one(local.queue_services), local.queue_services)
      } }
    }],
    [for queue_arn in [local.queue_arn] : {
      Sid      = "SendForLater"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = queue_arn
    } if var.verify != null || anytrue([for target in var.targets : target.delay_seconds > 0])],
    [for notify in var.notify[*] : {
      Sid      = "SendNotifications"
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = notify.event_bus_arn
    }],
    # Lambda creates the interfaces with the function's role, on "*", so the code is denied what the role needs:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    [for vpc in var.lambda.vpc[*] : {
      Sid      = "ManageNetworkInterfaces"
      Effect   = "Allow"
      Action   = local.network_interface_actions
      Resource = "*"
    }],
    [for vpc in var.lambda.vpc[*] : {
      Sid       = "KeepNetworkInterfacesFromCode"
      Effect    = "Deny"
      Action    = local.network_interface_actions
      Resource  = "*"
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.own_function_arn } }
    }],
    [for mode in [var.lambda.tracing] : {
      Sid      = "SendTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*" # X-Ray has no resource types
    } if mode == "Active"],
  )
  network_interface_actions = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ]

  # Not the function's attribute, because the function depends on the policy.
  own_function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}"

  role_policy_json = jsonencode({ Version = "2012-10-17", Statement = local.role_statements })
}

resource "aws_iam_role" "this" {
  count = local.create_role ? 1 : 0

  name                 = coalesce(var.role.name, var.name)
  path                 = var.role.path
  description          = "Runs the function ${var.name}"
  permissions_boundary = var.role.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LambdaRunsAsThisRole"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  count = local.create_role ? 1 : 0

  name   = "cf-purge"
  role   = aws_iam_role.this[0].id # not its name: with another path a new role has the same, and would get no policy
  policy = local.role_policy_json
}
