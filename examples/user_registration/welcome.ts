/** The welcome mail, in the language of the account. */

/** What the mail speaks of; `price` is a text. */
export interface Welcome {
  name: string;
  username: string;
  price: string;
  trialDays: number;
}

const TEXTS = {
  de: ({ name, username, price, trialDays }: Welcome) => ({
    subject: `Willkommen, ${name}!`,
    greeting: `Hallo ${name},\n\ndein Konto ${username} ist bereit.`,
    trial: `Die ersten ${trialDays} Tage sind kostenlos, danach ${price} im Monat.`,
    closing: "Viel Freude!",
  }),
  fr: ({ name, username, price, trialDays }: Welcome) => ({
    subject: `Bienvenue, ${name} !`,
    greeting: `Bonjour ${name},\n\nvotre compte ${username} est prêt.`,
    trial: `Les ${trialDays} premiers jours sont gratuits, puis ${price} par mois.`,
    closing: "À bientôt !",
  }),
  en: ({ name, username, price, trialDays }: Welcome) => ({
    subject: `Welcome, ${name}!`,
    greeting: `Hello ${name},\n\nyour account ${username} is ready.`,
    trial: `The first ${trialDays} days are free, then ${price} a month.`,
    closing: "Enjoy!",
  }),
};

/** English for a language that there are no texts in. */
export function welcome(language: string, about: Welcome): { subject: string; body: string } {
  const { subject, greeting, trial, closing } = TEXTS[language === "de" || language === "fr" ? language : "en"](about);
  const paragraphs = about.trialDays > 0 ? [greeting, trial, closing] : [greeting, closing];
  return { subject, body: paragraphs.join("\n\n") };
}
