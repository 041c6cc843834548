#!/usr/bin/env bash
# Runs `fairshard package` on a Spark cluster: run.sh SPARK_MASTER_URL PACKAGE_OPTIONS…
#   SPARK_JOB_SERVER_JAR  the official beam-runners-spark-3-job-server-2.77.0.jar
#   POOL                  the pool beside each executor (default localhost:50000)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../job_server.sh"

package_on_cluster "$0" SPARK_JOB_SERVER_JAR \
    --runner=SparkRunner \
    --spark_master_url=MASTER \
    --spark_job_server_jar=JAR \
    -- "$@"
