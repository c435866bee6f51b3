/**
 * One task definition per `workspace_access`: what differs is the agent's mount of /workspace. Two containers: `runner` is ours
 * and holds the model key, `agent` is what the model drives and holds nothing (docs/security.md#sandbox).
 */
import { Duration, Validations } from 'aws-cdk-lib'
import {
  Capability,
  ContainerDependencyCondition,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDriver,
  OperatingSystemFamily,
  Secret as ContainerSecret,
  CfnTaskDefinition,
  type ContainerDefinition,
  type ContainerImage,
} from 'aws-cdk-lib/aws-ecs'
import type { Role } from 'aws-cdk-lib/aws-iam'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { agent_env, runner_env } from '../shared/contract/runner-protocol.ts'
import { cpuUnits, default_size } from '../shared/domain/sizes.ts'
import type { Policy } from '../shared/domain/policy.ts'

export type WorkspaceAccess = Policy['workspace_access']

export const runner_container = 'runner'
export const agent_container = 'agent'
const sockets_dir = '/run/lanekeeper'
/** The user of the image that owns nothing but the volumes. */
const plain_user = '10001:10001'
/** The longest that Fargate grants, for the runner to save the session. */
const stop_timeout = Duration.seconds(120)

export interface SandboxTaskProps {
  readonly access: WorkspaceAccess
  readonly image: ContainerImage
  readonly execution_role: Role
  readonly logs: LogGroup
  readonly model_key: Secret
  /** Of the runner: who serves the model and where. No secret. */
  readonly environment: Readonly<Record<string, string>>
}

export const familyOf = (access: WorkspaceAccess): string => `lanekeeper-${access}`

export class SandboxTask extends Construct {
  readonly definition: FargateTaskDefinition

  constructor(scope: Construct, id: string, props: SandboxTaskProps) {
    super(scope, id)
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      family: familyOf(props.access),
      cpu: cpuUnits(default_size.cpu),
      memoryLimitMiB: default_size.memory,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      executionRole: props.execution_role,
      volumes: ['sockets', 'workspace', 'runner-tmp', 'agent-tmp', 'agent-home'].map((name) => ({ name })),
    })
    this.dropTaskRole()
    const agent = this.agent(props)
    const runner = this.runner(props)
    // Containers stop in reverse: the runner saves the session while the agent is still there.
    runner.addContainerDependencies({ container: agent, condition: ContainerDependencyCondition.START })
    Validations.of(this.definition).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The plain environment says who serves the model and where the sockets are; the one secret comes from Secrets Manager.',
    })
  }

  /**
   * A task role would be within the agent's reach: the credentials endpoint answers any process of the task and cannot be
   * blocked. CDK always makes one, so it is taken out again.
   */
  private dropTaskRole(): void {
    this.definition.node.tryRemoveChild('TaskRole')
    const resource = this.definition.node.defaultChild
    if (!(resource instanceof CfnTaskDefinition)) throw new Error('a task definition without its resource')
    resource.addPropertyDeletionOverride('TaskRoleArn')
  }

  private runner(props: SandboxTaskProps): ContainerDefinition {
    const container = this.definition.addContainer(runner_container, {
      containerName: runner_container,
      image: props.image,
      command: ['node', '/app/runner/main.js'],
      essential: true,
      user: plain_user,
      readonlyRootFilesystem: true,
      environment: { [runner_env.sockets_dir]: sockets_dir, ...props.environment },
      secrets: { ANTHROPIC_API_KEY: ContainerSecret.fromSecretsManager(props.model_key) },
      linuxParameters: this.linux('RunnerLinux', { initProcessEnabled: true }),
      logging: LogDriver.awsLogs({ logGroup: props.logs, streamPrefix: props.access }),
      stopTimeout: stop_timeout,
    })
    container.addMountPoints(
      { sourceVolume: 'sockets', containerPath: sockets_dir, readOnly: false },
      { sourceVolume: 'workspace', containerPath: '/workspace', readOnly: false },
      { sourceVolume: 'runner-tmp', containerPath: '/tmp', readOnly: false },
    )
    return container
  }

  private agent(props: SandboxTaskProps): ContainerDefinition {
    const container = this.definition.addContainer(agent_container, {
      containerName: agent_container,
      image: props.image,
      // Closes the network first, where the policy says so; everything after it in this container is bound by that.
      entryPoint: ['/app/agent-network'],
      command: ['node', '/app/runner/agent-shim.js'],
      essential: true,
      user: plain_user,
      readonlyRootFilesystem: true,
      environment: { [runner_env.sockets_dir]: sockets_dir, [agent_env.network]: 'open', HOME: '/home/agent' },
      linuxParameters: this.linux('AgentLinux'),
      logging: LogDriver.awsLogs({ logGroup: props.logs, streamPrefix: props.access }),
      stopTimeout: stop_timeout,
    })
    container.addMountPoints(
      { sourceVolume: 'sockets', containerPath: sockets_dir, readOnly: false },
      { sourceVolume: 'agent-tmp', containerPath: '/tmp', readOnly: false },
      { sourceVolume: 'agent-home', containerPath: '/home/agent', readOnly: false },
    )
    if (props.access !== 'none') {
      container.addMountPoints({ sourceVolume: 'workspace', containerPath: '/workspace', readOnly: props.access === 'ro' })
    }
    return container
  }

  /**
   * Neither container needs a capability. The agent's has no init: the shim itself is process 1, so when it goes all go, and no
   * process there is without its network policy.
   */
  private linux(id: string, init: { readonly initProcessEnabled?: boolean } = {}): LinuxParameters {
    const parameters = new LinuxParameters(this, id, init)
    parameters.dropCapabilities(Capability.ALL)
    return parameters
  }
}
