/**
 * Where alarms go, and how one is written. An alarm without a runbook entry cannot be made: the anchor is required, and
 * test/infra checks that docs/runbook.md has it.
 */
import { Alarm, TreatMissingData, type ComparisonOperator, type IMetric } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'

export const runbook_path = 'docs/runbook.md'

export interface AlarmText {
  /** One sentence: what is wrong when it rings. */
  readonly means: string
  /** What it means that it does not ring, or has no data. */
  readonly silence: string
  /** Heading of the entry in docs/runbook.md, as an anchor. */
  readonly runbook: string
}
export interface AlarmProps extends AlarmText {
  readonly metric: IMetric
  readonly threshold: number
  readonly comparison: ComparisonOperator
  /** How many of the metric's periods in a row. */
  readonly periods: number
  /** A metric whose absence is itself the failure. */
  readonly missing_is_bad?: boolean
}

/** All alarms ring one topic; who is called is a subscription that the operator adds (docs/runbook.md#subscribe). */
export class Alarms extends Construct {
  readonly topic: Topic

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.topic = new Topic(this, 'Topic', { displayName: 'Lanekeeper alarms', enforceSSL: true })
  }

  /** Adds an alarm beside the thing it watches. */
  add(scope: Construct, id: string, props: AlarmProps): Alarm {
    const alarm = new Alarm(scope, id, {
      alarmDescription: `${props.means} Silence: ${props.silence} Runbook: ${runbook_path}#${props.runbook}`,
      metric: props.metric,
      threshold: props.threshold,
      comparisonOperator: props.comparison,
      evaluationPeriods: props.periods,
      treatMissingData: props.missing_is_bad === true ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    })
    alarm.addAlarmAction(new SnsAction(this.topic))
    return alarm
  }
}
