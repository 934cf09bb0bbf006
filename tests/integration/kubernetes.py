"""Checks that the objects of a Kubernetes file fit together, by the rules of the API that they use:
required fields are there, nothing else is, and what one part names another one has."""
import sys
import yaml

FIELDS = {  # of what docker/kubernetes.yaml uses: all names that may stand there, a star: must
    "Service": "apiVersion* kind* metadata* spec*",
    "Service.spec": "clusterIP selector* ports* type",
    "StatefulSet": "apiVersion* kind* metadata* spec*",
    "StatefulSet.spec": "serviceName* replicas selector* template* volumeClaimTemplates",
    "pod": "terminationGracePeriodSeconds securityContext containers* volumes",
    "container": "name* image* args command env ports startupProbe readinessProbe livenessProbe "
                 "resources securityContext volumeMounts",
    "probe": "httpGet* periodSeconds failureThreshold timeoutSeconds initialDelaySeconds",
}


def check(what, node):
    names = FIELDS[what].split()
    allowed = {name.rstrip("*") for name in names}
    missing = {name[:-1] for name in names if name.endswith("*")} - set(node)
    if missing or set(node) - allowed:
        sys.exit(f"kubernetes.py: {what}: missing {missing}, unknown {set(node) - allowed}")


def need(true, what):
    if not true:
        sys.exit(f"kubernetes.py: {what}")


def check_container(container, volumes):
    check("container", container)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        check("probe", container[kind])
        need(container[kind]["httpGet"]["port"] in ports, f"{kind}: no such port")
    for mount in container["volumeMounts"]:
        need(mount["name"] in volumes, f"no volume is called {mount['name']}")
    need(container["securityContext"]["readOnlyRootFilesystem"], "the root can be written")
    return ports


with open(sys.argv[1]) as file:
    objects = {o["kind"]: o for o in yaml.safe_load_all(file)}
service, stateful = objects["Service"], objects["StatefulSet"]
need(service["apiVersion"] == "v1" and stateful["apiVersion"] == "apps/v1", "apiVersion")
for kind, node in objects.items():
    check(kind, node)
    check(kind + ".spec", node["spec"])
template = stateful["spec"]["template"]
labels = template["metadata"]["labels"]
need(stateful["spec"]["selector"]["matchLabels"].items() <= labels.items(), "selector of the set")
need(service["spec"]["selector"].items() <= labels.items(), "selector of the service")
need(stateful["spec"]["serviceName"] == service["metadata"]["name"], "serviceName")
need(stateful["spec"]["replicas"] == 1, "more than one replica shares nothing")
pod = template["spec"]
check("pod", pod)
volumes = {v["name"] for v in pod["volumes"]}
volumes |= {c["metadata"]["name"] for c in stateful["spec"]["volumeClaimTemplates"]}
ports = check_container(pod["containers"][0], volumes)
for port in service["spec"]["ports"]:
    need(port["targetPort"] in ports, f"targetPort {port['targetPort']}")
    need(ports[port["targetPort"]] == port["port"], f"port {port['port']}")
