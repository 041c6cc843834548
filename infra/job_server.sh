# Sourced by flink/run.sh and spark/run.sh: checks their words, and runs `fairshard package` on the
# cluster with the official job server's jar and the pools beside its workers.

# package_on_cluster SCRIPT JAR_VARIABLE ENGINE_OPTIONS… -- MASTER PACKAGE_OPTIONS…
# Of the engine's options, MASTER and JAR stand for the cluster's address and the jar.
package_on_cluster() {
    local script=$1 variable=$2 jar=${!2:-} option
    local -a engine=()
    shift 2
    while [ "$1" != -- ]; do
        engine+=("$1")
        shift
    done
    shift
    if [ $# -lt 2 ]; then
        sed -n '2,/^set /s/^# //p' "$script" >&2
        exit 2
    fi
    if [ ! -f "$jar" ]; then
        echo "$variable=$jar is not a file; name the official job server's jar" >&2
        exit 2
    fi
    local master=$1
    shift
    local -a options=()
    for option in "${engine[@]}"; do
        case $option in
        *=MASTER) option=${option%MASTER}$master ;;
        *=JAR) option=${option%JAR}$jar ;;
        esac
        options+=("--beam=$option")
    done
    exec fairshard package "$@" "${options[@]}" \
        --beam=--environment_type=EXTERNAL \
        --beam=--environment_config="${POOL:-localhost:50000}"
}
