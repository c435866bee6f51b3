/**
 * Where sandbox tasks run: public subnets of a network of their own, with nothing that costs while nothing runs. A task gets
 * a public address to reach out, and no security group lets anything in.
 */
import { RemovalPolicy } from 'aws-cdk-lib'
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

/**
 * Two security groups for tasks.
 *
 * `open`: out by HTTP and HTTPS to anywhere; names through the network's own resolver, which no security group can block.
 * `closed`: out by HTTPS alone, for the runner: image, model key, control API, model, session files. It is not what closes the network
 * to the agent: a group knows addresses and not names, holds for a task as a whole, and lets DNS pass. That is done inside the
 * agent's container, by the kernel (runner/agent-network.c, docs/security.md#network).
 */
export class Network extends Construct {
  readonly vpc: Vpc
  readonly open: SecurityGroup
  readonly closed: SecurityGroup

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.60.0.0/16'),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Sandbox', subnetType: SubnetType.PUBLIC, cidrMask: 18, mapPublicIpOnLaunch: false }],
      // Nothing uses the default group; emptying it would take a function and a role that outlive their only call.
      restrictDefaultSecurityGroup: false,
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    })
    this.logRejected()
    this.open = new SecurityGroup(this, 'Open', { vpc: this.vpc, allowAllOutbound: false, description: 'Sandbox tasks with network: web out, nothing in' })
    this.open.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS: control API, model, registries, the web')
    this.open.addEgressRule(Peer.anyIpv4(), Port.tcp(80), 'HTTP: package mirrors, redirects')
    this.closed = new SecurityGroup(this, 'Closed', {
      vpc: this.vpc,
      allowAllOutbound: false,
      description: 'Sandbox tasks whose agent has no network: HTTPS out for the runner, nothing in',
    })
    this.closed.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS: what the runner needs')
  }

  /** What a sandbox tried and was refused. Costs by the record, so nothing while no task runs. */
  private logRejected(): void {
    const records = new LogGroup(this, 'RejectedTraffic', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
    this.vpc.addFlowLog('Rejected', { destination: FlowLogDestination.toCloudWatchLogs(records), trafficType: FlowLogTrafficType.REJECT })
  }
}
