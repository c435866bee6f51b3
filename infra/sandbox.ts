/** Compute: the cluster, the sandbox's task definitions, and what a function needs to launch and stop tasks there. */
import { ArnFormat, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { acknowledgeWildcards, grant } from './grants.ts'
import { runnerImage } from './image.ts'
import { Network } from './network.ts'
import type { Parameters } from './parameters.ts'
import { familyOf, SandboxTask, type WorkspaceAccess } from './task-definition.ts'

const accesses = ['none', 'ro', 'rw'] as const satisfies readonly WorkspaceAccess[]

export interface SandboxProps {
  readonly parameters: Parameters
  /** Folder that holds package.json, runner/ and shared/. */
  readonly root: string
}

export class Sandbox extends Construct {
  readonly cluster: Cluster
  readonly model_key: Secret
  /** Names of the task definitions' families. */
  readonly families = accesses.map(familyOf)
  private readonly execution_role: Role
  private readonly network: Network
  private readonly tasks: Readonly<Record<WorkspaceAccess, SandboxTask>>

  constructor(scope: Construct, id: string, props: SandboxProps) {
    super(scope, id)
    this.network = new Network(this, 'Network')
    this.cluster = this.makeCluster()
    this.model_key = this.makeModelKey()
    this.execution_role = new Role(this, 'ExecutionRole', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'ECS itself: pulls the image, reads the model key, writes logs. No process of a task can use it.',
    })
    const logs = new LogGroup(this, 'Logs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
    const image = runnerImage(props.root)
    const task = (access: WorkspaceAccess) =>
      new SandboxTask(this, `Task-${access}`, {
        access,
        image,
        logs,
        execution_role: this.execution_role,
        model_key: this.model_key,
        environment: {
          LANEKEEPER_MODEL_PROVIDER: props.parameters.model_provider,
          ANTHROPIC_BASE_URL: props.parameters.anthropic_base_url,
        },
      })
    this.tasks = { none: task('none'), ro: task('ro'), rw: task('rw') }
    acknowledgeWildcards(this.execution_role, ['*'], 'ecr:GetAuthorizationToken names no resource; every other right of this role does.')
  }

  /** JSON of `ComputeSettings` for the functions that launch. */
  computeJson(api_url: string, doorbell_url: string): string {
    const { tasks, network } = this
    return Stack.of(this).toJsonString({
      cluster: this.cluster.clusterArn,
      task_definitions: {
        none: tasks.none.definition.taskDefinitionArn,
        ro: tasks.ro.definition.taskDefinitionArn,
        rw: tasks.rw.definition.taskDefinitionArn,
      },
      subnets: network.vpc.publicSubnets.map((subnet) => subnet.subnetId),
      security_groups: { open: network.open.securityGroupId, closed: network.closed.securityGroupId },
      assign_public_ip: true,
      api_url,
      doorbell_url,
    })
  }

  /** Starts tasks of the three families on this cluster, handing them the execution role and no other. */
  grantLaunch(role: Role): void {
    grant(role, {
      actions: ['ecs:RunTask'],
      resources: accesses.map((access) => this.familyArn(access)),
      conditions: this.on_cluster,
      wildcard: 'Any revision of this family: during a deploy a function still launches the revision of its own environment.',
    })
    grant(role, {
      actions: ['iam:PassRole'],
      resources: [this.execution_role.roleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    })
  }

  /** Finds, describes and stops tasks of this cluster. */
  grantStop(role: Role): void {
    grant(role, {
      actions: ['ecs:StopTask', 'ecs:DescribeTasks'],
      resources: [this.taskArn()],
      conditions: this.on_cluster,
      wildcard: 'Tasks of this cluster, whose ids are made when they start.',
    })
    grant(role, {
      actions: ['ecs:ListTasks'],
      resources: ['*'],
      conditions: this.on_cluster,
      wildcard: 'ListTasks names container instances, of which Fargate has none: only the condition can name the cluster.',
    })
  }

  private get on_cluster() {
    return { ArnEquals: { 'ecs:cluster': this.cluster.clusterArn } }
  }

  private familyArn(access: WorkspaceAccess): string {
    const resourceName = `${familyOf(access)}:*`
    return Stack.of(this).formatArn({ service: 'ecs', resource: 'task-definition', resourceName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME })
  }

  private taskArn(): string {
    return Stack.of(this).formatArn({ service: 'ecs', resource: 'task', resourceName: `${this.cluster.clusterName}/*` })
  }

  private makeCluster(): Cluster {
    const cluster = new Cluster(this, 'Cluster', {
      vpc: this.network.vpc,
      enableFargateCapacityProviders: true,
      containerInsightsV2: ContainerInsights.DISABLED,
    })
    Validations.of(cluster).acknowledge({
      id: 'AwsSolutions-ECS4',
      reason: 'Container Insights bills per task and metric; attempts report their own usage, and what they cost is in the run.',
    })
    return cluster
  }

  /** Made with a random value; the operator puts the real key there (docs/runbook.md#model-key). */
  private makeModelKey(): Secret {
    const secret = new Secret(this, 'ModelKey', {
      description: 'API key of the model (Anthropic). Only the runner container and the function schedule-draft receive it.',
    })
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The key is issued by the model provider, which offers no rotation that a function could drive; docs/runbook.md says how to change it.',
    })
    return secret
  }
}
