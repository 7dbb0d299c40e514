# ---- Saved queries ----

locals {
  # They read the log lines of lambda/cf_purge; tests/plans runs them on its output.
  log_queries = merge(local.purge_queries, var.verify == null ? {} : local.visitor_queries)
  visitor_queries = {
    "When was this key seen fresh?"    = <<-EOT
      # Replace css/site.css by the key, not encoded. Then choose the time. One row for each copy and look.
      # verdict: fresh is the new version, stale an old one; superseded: another change came later, or an old answer was
      #   stored again; unverifiable: the answer proves nothing.
      # fresh_ms: milliseconds from the change to the proof, at the edge near the Region.
      fields @timestamp, verdict, url, look, `fresh_ms`, helped, status, etag, age, error
      | filter message = "seen" and key = "css/site.css"
      | sort @timestamp desc
      | limit 10000
    EOT
    "Where did the second purge help?" = <<-EOT
      # Copies that were stale after the first purge and fresh after the second. If the second was by prefixes, purges
      # by URL miss them, as with custom cache keys: set purge_by = "prefix" for their target.
      fields @timestamp, url, helped, look, `fresh_ms`
      | filter message = "seen" and verdict = "fresh" and helped != "first purge"
      | sort @timestamp desc
      | limit 10000
    EOT
  }
  purge_queries = {
    "Was this key purged?"    = <<-EOT
# Replace css/site.css by the key as in URLs: percent-encoded as UTF-8, slashes unencoded
# ("a b/ü.css" is a%20b/%C3%BC.css), without the target's key_prefix. A part of it is enough. Then choose the time.
# purged: Cloudflare has accepted it. Rows without URLs are always shown: purges by tag, host, folder or of
#   everything; check whether they include the key.
# not purged: it is retried or parked. Always shown, because a row names only the first of several items.
# skipped: include, exclude or the targets exclude it. The key is not encoded there, but é is \u00e9: search for it as
#   in S3 too, or for a part of it that is ASCII.
# delayed: a target with delay_seconds purges it that many seconds later. The key is not encoded there either, nor in
#   delayed changes not sent, which are retried or parked.
# No row: no such change reached the function in that time, or lambda.log_level is WARN or ERROR.
fields @timestamp, message, reason, `zone_id`, first, @message
| filter message in ["purged", "not purged", "skipped", "delayed", "delayed changes not sent"]
| filter @message like "css/site.css" or (not ispresent(keys.0) and not ispresent(urls.0) and not ispresent(urls.0.url))
| sort @timestamp desc
| limit 10000
EOT
    "Who changed what?"       = <<-EOT
      # Who changed it, when Cloudflare accepted the purge, and with verify when it was seen. For one person or key, add
      # below the filter:
      #   | filter @message like "alice"
      # principal: the ID of the user, or of the role with the name of its session. None: a manual purge, or S3 did not
      #   say. Through EventBridge it is only the account.
      fields @timestamp, message, principal, verdict, `fresh_ms`, @message
      | filter message in ["purged", "seen"]
      | sort @timestamp desc
      | limit 10000
    EOT
    "Why is this one parked?" = <<-EOT
      # Parked messages, their causes, and failed invocations. Choose the time: a message without ReasonCode failed for
      # hours before.
      # parked: code and reason are the dead letter's ReasonCode and Reason. Its item is "first" in the row "not purged"
      #   with the same reason just before it. Its ID is dead_letter_id in the dead-letter queue, message_id in the
      #   queue. For one kind, add below: | filter code = "RejectedByCloudflare"
      # not purged: by kind, it may work later (Transient), needs a person (Misconfigured) or never works (others).
      fields @timestamp, level, message, code, reason, kind, first, `dead_letter_id`, `message_id`, record.status
      | filter message = "parked" or level = "ERROR" or (type = "platform.report" and record.status != "success")
      | sort @timestamp desc
      | limit 10000
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = { for title, query in local.log_queries : title => query if var.dashboard }

  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.this.name]
  query_string    = each.value
}

# ---- Dashboard ----

locals {
  # In other partitions there are no links.
  console = lookup({
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }, local.partition, null)
  # %2f in lower case: after %2F some names look like a token to secret scanners.
  places = {
    "log" = join("", [
      "cloudwatch/home?region=${local.region}#logsV2:log-groups/log-group/",
      replace(aws_cloudwatch_log_group.this.name, "/", "$252f"),
    ])
    "function"     = "lambda/home?region=${local.region}#/functions/${aws_lambda_function.this.function_name}"
    "queue"        = "${local.queues}${replace(urlencode(aws_sqs_queue.this.url), "%2F", "%2f")}"
    "dead letters" = "${local.queues}${replace(urlencode(aws_sqs_queue.dead_letter.url), "%2F", "%2f")}"
    "log queries"  = "cloudwatch/home?region=${local.region}#logsV2:logs-insights"
  }
  queues = "sqs/v3/home?region=${local.region}#/queues/"
  links = { for name, path in local.places :
    name => local.console == null ? name : "[${name}](https://${local.console}/${path})"
  }

  # An alarm widget must have at least one alarm:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
  has_alarms  = length(aws_cloudwatch_metric_alarm.this) > 0
  own         = ["Name", var.name] # as lambda/cf_purge/observe.py writes it
  of_function = ["FunctionName", aws_lambda_function.this.function_name]
  of_queue    = ["QueueName", aws_sqs_queue.this.name]

  # On 24 columns: traffic, failures, queues, function.
  graphs = concat(local.purge_graphs, var.verify == null ? [] : local.visitor_graphs)
  visitor_graphs = [
    {
      title   = "From the change to the proof that visitors see it (ms)", x = 0, y = 30, width = 12, limits = []
      metrics = [for stat in ["p50", "p99"] : concat(["CfPurge", "Fresh"], local.own, [{ stat = stat, label = stat }])]
    },
    {
      title = "Not seen fresh", x = 12, y = 30, width = 12, limits = []
      metrics = [for name in ["Stale", "Unverifiable", "Superseded", "Repurged", "NotSampled"] :
      concat(["CfPurge", name], local.own, [{ stat = "Sum" }])]
    },
  ]
  purge_graphs = [
    {
      title = "Changes and purges", x = 0, y = 6, width = 12, limits = []
      metrics = [for name in ["Changes", "Purged", "Skipped", "Requests"] :
      concat(["CfPurge", name], local.own, [{ stat = "Sum" }])]
    },
    {
      title = "From the change to the purge (ms)", x = 12, y = 6, width = 12
      limits = [for kind, alarm in aws_cloudwatch_metric_alarm.this :
        { label = "alarm", value = alarm.threshold } if kind == "lag"
      ]
      metrics = [for stat in ["p50", "p99"] : concat(["CfPurge", "Lag"], local.own, [{ stat = stat, label = stat }])]
    },
    {
      title   = "Returned and parked", x = 0, y = 12, width = 8, limits = []
      metrics = [for name in ["Retried", "Parked"] : concat(["CfPurge", name], local.own, [{ stat = "Sum" }])]
    },
    {
      title   = "Rate limited by Cloudflare (429)", x = 8, y = 12, width = 8, limits = []
      metrics = [concat(["CfPurge", "RateLimited"], local.own, [{ stat = "Sum" }])]
    },
    {
      title   = "Misconfigured: token, zone, permissions", x = 16, y = 12, width = 8, limits = []
      metrics = [concat(["CfPurge", "Misconfigured"], local.own, [{ stat = "Sum" }])]
    },
    {
      title = "Queue: messages${var.delivery == "queue" ? "" : " (moved back, manual, looks)"}"
      x     = 0, y = 18, width = 8, limits = []
      metrics = [for name, label in {
        ApproximateNumberOfMessagesVisible    = "waiting"
        ApproximateNumberOfMessagesNotVisible = "in flight, or returned for later"
        ApproximateNumberOfMessagesDelayed    = "scheduled looks and delayed purges"
      } : concat(["AWS/SQS", name], local.of_queue, [{ stat = "Maximum", label = label }])]
    },
    {
      title = "Queue: age of the oldest message (s)", x = 8, y = 18, width = 8
      limits = [for kind, alarm in aws_cloudwatch_metric_alarm.this :
        { label = "alarm", value = alarm.threshold } if kind == "oldest_message"
      ]
      metrics = [concat(["AWS/SQS", "ApproximateAgeOfOldestMessage"], local.of_queue, [{ stat = "Maximum" }])]
    },
    {
      title = "Dead letters", x = 16, y = 18, width = 8, limits = []
      metrics = concat(
        [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letter.name,
        { stat = "Maximum", label = "parked" }]],
        [for lost in [local.alarms.undelivered] : flatten([
          lost.namespace, lost.metric_name, [for name, value in lost.dimensions : [name, value]],
          { stat = "Sum", label = "lost" },
        ]) if local.counts_losses],
      )
    },
    {
      title  = "Function: duration (ms)", x = 0, y = 24, width = 8
      limits = [{ label = "time-out", value = var.lambda.timeout * 1000 }]
      metrics = [for stat in ["p50", "p99", "Maximum"] :
      concat(["AWS/Lambda", "Duration"], local.of_function, [{ stat = stat, label = stat }])]
    },
    {
      title = "Function: errors and throttles", x = 8, y = 24, width = 8, limits = []
      metrics = [for name in ["Errors", "Throttles"] :
      concat(["AWS/Lambda", name], local.of_function, [{ stat = "Sum" }])]
    },
    {
      title   = "Function: concurrent executions", x = 16, y = 24, width = 8, limits = []
      metrics = [concat(["AWS/Lambda", "ConcurrentExecutions"], local.of_function, [{ stat = "Maximum" }])]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  # With the Region: dashboards are global, and another Region's with the same name would be overwritten.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
  dashboard_name = "${var.name}-${local.region}"

  dashboard_body = jsonencode({ widgets = concat(
    [{
      type = "text", x = 0, y = 0, width = local.has_alarms ? 12 : 24, height = 6
      properties = { markdown = <<-EOT
        # ${var.name}
        Purges changes in `s3://${var.bucket}` from Cloudflare.
        ${local.links["log"]}, ${local.links["function"]}, ${local.links["queue"]}, ${local.links["dead letters"]},
        ${local.links["log queries"]} (saved in the folder `${var.name}`):
        ${join(", ", [for title, _ in local.log_queries : "*${title}*"])}

        Troubleshooting: first run `${local.check_command}`
        ${local.has_alarms ? "Then follow the alarm's description. " : ""}
        More: ${local.runbook}

        Managed by Terraform: manual changes here are overwritten.
      EOT
      }
    }],
    [for alarms in [aws_cloudwatch_metric_alarm.this] : {
      type       = "alarm", x = 12, y = 0, width = 12, height = 6
      properties = { title = "Alarms", alarms = [for alarm in alarms : alarm.arn] }
    } if local.has_alarms],
    [for graph in local.graphs : {
      type = "metric", x = graph.x, y = graph.y, width = graph.width, height = 6
      properties = {
        title       = graph.title
        view        = "timeSeries"
        region      = local.region
        period      = 300
        metrics     = graph.metrics
        yAxis       = { left = { min = 0 } }
        annotations = { horizontal = graph.limits }
      }
    }],
  ) })
}
