/** Cron expressions of every form, with more of the hours at which clocks change, and zones whose rules are worth a test. */
import * as fc from 'fast-check';
export declare const zones_with_rules: readonly string[];
/** Some of them never happen. */
export declare const cron_expressions: fc.Arbitrary<string>;
