import { expect, test } from 'vitest'
import * as z from 'zod'
import { agent_env } from '../../shared/contract/runner-protocol.ts'
import { onlyResource, readText, resourcesOf, targetOf, textOf } from './support.ts'

const Container = z.looseObject({
  Name: z.string(),
  Command: z.array(z.string()),
  User: z.string(),
  Essential: z.boolean(),
  ReadonlyRootFilesystem: z.boolean(),
  StopTimeout: z.int(),
  Privileged: z.boolean().default(false),
  LinuxParameters: z.looseObject({
    Capabilities: z.object({ Drop: z.array(z.string()), Add: z.array(z.string()).default([]) }),
    InitProcessEnabled: z.boolean().default(false),
  }),
  Environment: z.array(z.object({ Name: z.string(), Value: z.unknown() })).default([]),
  Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.unknown() })).default([]),
  MountPoints: z.array(z.object({ ContainerPath: z.string(), ReadOnly: z.boolean(), SourceVolume: z.string() })),
  LogConfiguration: z.object({ LogDriver: z.string(), Options: z.record(z.string(), z.unknown()) }),
})
type Container = z.infer<typeof Container>
const Definition = z.looseObject({
  Family: z.string(),
  NetworkMode: z.string(),
  RequiresCompatibilities: z.array(z.string()),
  ContainerDefinitions: z.array(Container),
})

const definitions = new Map(
  resourcesOf('AWS::ECS::TaskDefinition').map(([, { Properties }]) => {
    const definition = Definition.parse(Properties)
    return [definition.Family, definition]
  }),
)
const containerOf = (family: string, name: string): Container => {
  const found = definitions.get(family)?.ContainerDefinitions.find((container) => container.Name === name)
  if (found === undefined) throw new Error(`${family} has no container ${name}`)
  return found
}
const mountsOf = (container: Container) => Object.fromEntries(container.MountPoints.map((mount) => [mount.ContainerPath, mount.ReadOnly ? 'ro' : 'rw']))
const families = ['lanekeeper-none', 'lanekeeper-ro', 'lanekeeper-rw']

test('there is one task definition for each workspace_access, of two essential containers', () => {
  expect([...definitions.keys()].toSorted()).toEqual(families)
  for (const definition of definitions.values()) {
    expect(definition.RequiresCompatibilities).toEqual(['FARGATE'])
    expect(
      definition.ContainerDefinitions.filter((container) => container.Essential)
        .map((container) => container.Name)
        .toSorted(),
    ).toEqual(['agent', 'runner'])
  }
})

test('no task has a role: whatever runs in it can ask the credentials endpoint and gets nothing', () => {
  for (const definition of definitions.values()) expect(definition).not.toHaveProperty('TaskRoleArn')
  const taken = resourcesOf('AWS::IAM::Role').filter(([, { Properties }]) => JSON.stringify(Properties).includes('ecs-tasks.amazonaws.com'))
  expect(taken.map(([id]) => id.replace(/\w{8}$/, ''))).toEqual(['SandboxExecutionRole'])
})

test('both containers are plain users without a capability, on a read-only root, with time to save', () => {
  for (const family of families) {
    for (const name of ['runner', 'agent']) {
      const container = containerOf(family, name)
      expect(container.User).toBe('10001:10001')
      expect(container.LinuxParameters.Capabilities).toEqual({ Drop: ['ALL'], Add: [] })
      expect([container.ReadonlyRootFilesystem, container.Privileged, container.StopTimeout]).toEqual([true, false, 120])
      expect(container.LogConfiguration.LogDriver).toBe('awslogs')
    }
    expect(definitions.get(family)).not.toHaveProperty('PidMode')
    expect(definitions.get(family)).not.toHaveProperty('IpcMode')
  }
})

test('the model key reaches the runner alone', () => {
  for (const family of families) {
    expect(containerOf(family, 'runner').Secrets.map((secret) => [secret.Name, targetOf(secret.ValueFrom).replace(/\w{8}$/, '')])).toEqual([
      ['ANTHROPIC_API_KEY', 'SandboxModelKey'],
    ])
    const agent = containerOf(family, 'agent')
    expect(agent.Secrets).toEqual([])
    expect(agent.Environment.map((variable) => variable.Name).toSorted()).toEqual(['HOME', 'LANEKEEPER_NETWORK', 'LANEKEEPER_SOCKETS_DIR'])
  }
})

test('the agent sees the workspace as its policy says, and the runner can always save it', () => {
  const own = { '/run/lanekeeper': 'rw', '/tmp': 'rw', '/home/agent': 'rw' }
  expect(mountsOf(containerOf('lanekeeper-none', 'agent'))).toEqual(own)
  expect(mountsOf(containerOf('lanekeeper-ro', 'agent'))).toEqual({ ...own, '/workspace': 'ro' })
  expect(mountsOf(containerOf('lanekeeper-rw', 'agent'))).toEqual({ ...own, '/workspace': 'rw' })
  for (const family of families) expect(mountsOf(containerOf(family, 'runner'))).toEqual({ '/run/lanekeeper': 'rw', '/workspace': 'rw', '/tmp': 'rw' })
})

test('the first process of the agent closes the network, with no init before it that would stay outside', () => {
  for (const family of families) {
    const agent = containerOf(family, 'agent')
    expect(agent['EntryPoint']).toEqual(['/app/agent-network'])
    expect(agent.LinuxParameters.InitProcessEnabled).toBe(false)
    expect(agent.Environment).toContainEqual({ Name: agent_env.network, Value: 'open' })
  }
  expect(readText('runner/Dockerfile')).toMatch(/^COPY --from=network \/agent-network \/app\/agent-network$/m)
})

test('the sockets are the only volume that both may write for each other, besides the workspace', () => {
  for (const family of families) {
    const volumes = (name: string) => containerOf(family, name).MountPoints.map((mount) => mount.SourceVolume)
    const shared = volumes('agent').filter((volume) => volumes('runner').includes(volume))
    expect(shared.toSorted()).toEqual(family === 'lanekeeper-none' ? ['sockets'] : ['sockets', 'workspace'])
  }
})

test('the runner starts after the agent, so it stops before it', () => {
  for (const family of families) expect(containerOf(family, 'runner')).toMatchObject({ DependsOn: [{ ContainerName: 'agent', Condition: 'START' }] })
})

test('nothing comes in to a sandbox; what goes out is the web, and for a closed one HTTPS', () => {
  const groups = new Map(resourcesOf('AWS::EC2::SecurityGroup').map(([id, { Properties }]) => [id.includes('Open') ? 'open' : 'closed', Properties]))
  expect(groups.size).toBe(2)
  for (const properties of groups.values()) expect(properties['SecurityGroupIngress'] ?? []).toEqual([])
  expect(resourcesOf('AWS::EC2::SecurityGroupIngress')).toEqual([])
  const Egress = z.array(z.looseObject({ CidrIp: z.string(), IpProtocol: z.string(), FromPort: z.int(), ToPort: z.int() }))
  const egress = (name: string) => Egress.parse(groups.get(name)?.['SecurityGroupEgress']).map((rule) => `${rule.IpProtocol} ${rule.CidrIp} ${rule.FromPort}`)
  expect(egress('open').toSorted()).toEqual(['tcp 0.0.0.0/0 443', 'tcp 0.0.0.0/0 80'])
  expect(egress('closed')).toEqual(['tcp 0.0.0.0/0 443'])
})

test('a container cannot be entered from outside', () => {
  expect(JSON.stringify(onlyResource('AWS::ECS::Cluster').Properties)).not.toContain('ExecuteCommand')
  expect(resourcesOf('AWS::ECS::Service')).toEqual([])
})

test('the image declares every mount point as a volume that its user owns', () => {
  const dockerfile = readText('runner/Dockerfile')
  const declared = z.array(z.string()).parse(JSON.parse(/^VOLUME (\[.+\])$/m.exec(dockerfile)?.[1] ?? '[]'))
  const mounted = new Set(
    [...definitions.values()].flatMap((definition) => definition.ContainerDefinitions.flatMap((container) => Object.keys(mountsOf(container)))),
  )
  expect(declared.toSorted()).toEqual([...mounted].toSorted())
  expect(dockerfile).toMatch(/^USER 10001:10001$/m)
})

test('both containers run the same image', () => {
  for (const definition of definitions.values()) {
    const images = new Set(definition.ContainerDefinitions.map((container) => textOf(container['Image'])))
    expect(images.size).toBe(1)
  }
})
