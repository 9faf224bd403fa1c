import type { AlertNotice } from '../contracts/alerts.ts';

interface MailText {
  readonly subject: string;
  readonly text: string;
}

const subjectLength = 200;

/** What a mail says of one notice, or of several in the order in which they came about. */
export function mailOf(notices: readonly AlertNotice[]): MailText {
  const mails = notices.map(mailOfOne);
  const [only] = mails;
  if (only !== undefined && mails.length === 1) return only;
  const raised = notices.filter(({ event }) => event === 'raised').length;
  const resolved = notices.length - raised;
  const counts = [raised > 0 ? `${raised} raised` : '', resolved > 0 ? `${resolved} resolved` : ''];
  return {
    subject: `[agora] Alerts: ${counts.filter(Boolean).join(', ')}`,
    text: mails.map(({ subject, text }) => `${subject}\n${text}`).join('\n'),
  };
}

function mailOfOne({ event, alert, server, at }: AlertNotice): MailText {
  if (alert === undefined) {
    const text = `This is a test of alerts from the server ${server}, sent at ${at}.\n`;
    return { subject: '[agora] Test', text };
  }
  const where = alert.subject === undefined ? alert.host : `${alert.host} ${alert.subject}`;
  const word = event === 'resolved' ? 'Resolved' : 'Alert';
  const often = alert.times > 1 ? [`It came about ${alert.times} times within half an hour.`] : [];
  const ended = alert.resolvedAt === undefined ? [] : [`It is over since ${alert.resolvedAt}.`];
  const lines = [alert.message, `Raised at ${alert.raisedAt} by the server ${server}.`, ...often, ...ended];
  const subject = `[agora] ${word}: ${alert.rule} on ${where}`.slice(0, subjectLength);
  return { subject, text: `${lines.join('\n')}\n` };
}
